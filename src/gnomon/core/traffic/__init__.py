"""The stream of requests that a service gets: what a user says of it, and the requests that are drawn from that."""
