"""Files of Vidur: its resolved configuration, traces of requests, tables of execution times."""
