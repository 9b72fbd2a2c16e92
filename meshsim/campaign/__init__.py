"""Exploring many scenarios for hours, on one machine or many, with a ledger of what was found."""
