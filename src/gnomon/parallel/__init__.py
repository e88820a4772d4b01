"""A workload and a plan -> what one device computes, keeps and exchanges."""
