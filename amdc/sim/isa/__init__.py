"""The GCN3 instruction set as a table: a file a format family, one row an opcode."""
