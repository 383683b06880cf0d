"""Who decides: customers, sellers and platforms, their state in columns, and the keyed chance they stand on."""
