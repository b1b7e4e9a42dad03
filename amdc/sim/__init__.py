"""The simulated GPU: runs gfx803 code objects on this CPU."""
