"""The schema registry: what records of other forms were written with, fetched by id."""
