"""What real marketplaces show, measured in runs, and how near the model comes."""
