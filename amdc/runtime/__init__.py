"""What runs a bundle: a session over a device, the simulated GPU or a card behind the HIP runtime. Needs numpy alone."""
