"""Reading rows. Repositories never write and never call the API."""
