"""Driving AIConfigurator."""
