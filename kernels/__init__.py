"""amdc.kernels: GPU kernel sources (hip/*.hip) and, for each, a descriptor of its parameters, its limits and what it computes."""
