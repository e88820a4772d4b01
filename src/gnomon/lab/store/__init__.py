"""What stands on the disk of a run: the journal and what it says happened, the folder, the units' rooms, the lock, the seal."""
