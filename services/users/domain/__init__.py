"""The rules, in plain Python: values in, new values out; the clock and new ids are passed in."""
