#!/usr/bin/env python3
"""Functions for a model: reads a call and prints its result. osso chat --tools tools.json --tool-command ./tools.py"""
import json
import sys

WEATHER = {"Paris": "sunny", "London": "rainy", "Oslo": "snowy", "Cairo": "clear", "Berlin": "cloudy", "Tokyo": "windy"}
SIZES = {"mouse": "small", "cat": "small", "dog": "medium", "fox": "medium", "horse": "large", "bear": "large"}

FUNCTIONS = {
    "add_numbers": lambda a, b: a + b,
    "multiply_numbers": lambda a, b: a * b,
    "get_weather": lambda city: WEATHER[city],
    "get_size": lambda animal: SIZES[animal],
}

call = json.load(sys.stdin)
try:
    print(FUNCTIONS[call["name"]](**call["arguments"]))
except (KeyError, TypeError):
    sys.exit(print("not found") or 1)  # the exit status tells the model that this is no result
