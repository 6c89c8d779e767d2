"""Hyper-parameter studies: what `ostinato search` varies, its trials and its report."""
