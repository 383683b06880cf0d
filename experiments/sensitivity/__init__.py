"""What moves a result: Sobol and Morris indices, the share of chance, and the boxes in which something happens."""
