"""The rules, in plain Python: values in, values or refusals out; clock and ids are passed in."""
