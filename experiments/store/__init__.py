"""Where the runs of a sweep are kept, and how they are read: Parquet shards, a manifest, and DuckDB over them."""
