"""The event loop of a service, compiled: what is here is compiled anew when any of its files changes."""
