"""Tests of the hosts' protocols."""
