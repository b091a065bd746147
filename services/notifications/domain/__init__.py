"""The rules of notifications: plain values in, plain values out."""
