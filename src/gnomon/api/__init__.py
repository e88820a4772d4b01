"""What programs call: names and files in, answers out. The command line prints what these functions return."""
