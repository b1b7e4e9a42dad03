"""One opcode at a time: kernels of a few instructions on the simulated GPU, held against an oracle written from the ISA manual.

The oracle never looks at the simulator's own instruction table: expected results come from numpy and the rules of AMD's "Graphics
Core Next Architecture, Generation 3" manual (in the comments: "the manual").
"""
