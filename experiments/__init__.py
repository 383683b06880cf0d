"""What people do with the marketplace: runs, comparisons, reports and the command line."""
