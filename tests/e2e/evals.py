"""What the tests of evaluations share: the files that they are over, and the numbers of a model's own logits."""
import math

from harness import *
from test_generate import npy

DATA = ROOT / "tests/golden/eval/data"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def log_probabilities(path):
    """The logits of `osso logits -o PATH`, row by row, as log-probabilities."""
    (n, width), values = npy(path)
    return [log_softmax(values[i * width:(i + 1) * width]) for i in range(n)]


def log_softmax(row):
    top = max(row)
    total = math.log(sum(math.exp(x - top) for x in row)) + top
    return [x - total for x in row]
