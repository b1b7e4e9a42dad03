"""Readers of foreign model formats; each turns a model into a Graph (amdc.ir.graph)."""
