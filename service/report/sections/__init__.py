"""One section of the report a module: `compose(facts, formats)` gives what the template of its name prints."""
