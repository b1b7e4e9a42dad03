"""amdc.codegen: lowers a Graph to a Program (kernels, buffers, launches), plans its memory, and compiles its kernels."""
