#!/usr/bin/env python3
"""Functions for a model: reads the call that it makes and prints the result. osso chat --tools tools.json --tool-command tools.py"""
import json
import sys

WEATHER = {"Paris": "sunny, 21 degrees", "London": "rain, 12 degrees", "Oslo": "snow, -3 degrees", "Cairo": "clear, 33 degrees"}
LEGS = {"dog": 4, "cat": 4, "horse": 4, "bird": 2, "ant": 6, "spider": 8, "fish": 0, "snake": 0}

FUNCTIONS = {
    "add_numbers": lambda a, b: a + b,
    "multiply_numbers": lambda a, b: a * b,
    "get_weather": lambda city: WEATHER[city],
    "count_legs": lambda animal: LEGS[animal],
}

call = json.load(sys.stdin)
try:
    print(FUNCTIONS[call["name"]](**call["arguments"]))
except (KeyError, TypeError) as error:
    sys.exit(print(f"unknown: {error}") or 1)  # the exit status tells the model that this is no result
