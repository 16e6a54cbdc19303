"""Figures that are asked for, measured: run as modules, called by `make verify-main`."""
