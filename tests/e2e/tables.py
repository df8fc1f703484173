"""The tables of the command line, src/cli/verbs.def and options.def, as the tests read them."""
import collections
import functools
import re

from harness import ROOT

# operands: fewest. groups: of a verb, those of its line.
Verb = collections.namedtuple("Verb", "words aliases operands groups line")
# letter: the short name, of one letter or more. verbs: names of those that take it ("chat", "data show").
Option = collections.namedtuple("Option", "name letter alias kind argument verbs")


@functools.cache
def rows(path, *macros):
    """Each row of a .def file: the macro's name and its arguments, adjacent string literals joined."""
    table = []
    text = re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.S)
    string, piece = r'"(?:[^"\\]|\\.)*"', r"[^\"(),]|\([^()]*\)"
    for found in re.finditer(rf"^({'|'.join(macros)})\(((?:{string}|{piece}|,)*)\)\s*$", text, re.M):
        arguments = [""]
        for token in re.findall(rf"{string}|{piece}|,", found[2]):
            if token == ",":
                arguments.append("")
            else:
                arguments[-1] += token
        table.append((found[1], [re.sub(r'"\s*"', "", a).strip() for a in arguments]))
    return table


def words_of(literal):
    return "" if literal in ("NULL", "0") else literal[1:-1].replace('\\"', '"')


@functools.cache
def verbs():
    """All verbs by name, in order."""
    table = {}
    for macro, a in rows("src/cli/verbs.def", "VERB", "VERB2"):
        words, a = (a[:1], a[1:]) if macro == "VERB" else (a[:2], a[2:])
        groups = set(re.findall(r"\w+", a[4])) - {"NONE"}
        table[" ".join(words)] = Verb(words, words_of(a[0]).split(), int(a[2]), groups, words_of(a[5]))
    return table


def option_rows():
    """The arguments of each OPTION, those that are made of the keys of a training run in their place."""
    for _, a in rows("src/cli/options.def", "OPTION"):
        yield a
        for macro, k in rows("include/osso/train_keys.def", "TRAIN_KEY", "TRAIN_SWITCH", "TRAIN_LIST") if a[0] == "dump_grads" else []:
            kind = {"TRAIN_KEY": "TEXT", "TRAIN_SWITCH": "FLAG", "TRAIN_LIST": "LIST"}[macro]
            alias, argument = ("NULL", k[2]) if macro == "TRAIN_LIST" else (k[2], k[6] if macro == "TRAIN_KEY" else "NULL")
            yield ["train_" + k[0], k[1], "0", alias, kind, "0", "0", argument, "NULL", "V(train)", k[-1]]


def once_ids():
    """Options without a twin in the environment; no key of a training run has one."""
    return {a[0] for _, a in rows("src/cli/options.def", "ONCE")} | {a[0] for a in option_rows() if a[9] == "V(train)"}


@functools.cache
def options():
    """All options, a row each; a name may have several, for different verbs."""
    ids = {"_".join(verb.words): name for name, verb in verbs().items()}
    shorts = {a[0]: a[1] for _, a in rows("src/cli/options.def", "SHORT")}
    table = []
    for a in option_rows():
        id, name, letter, alias, kind, _, _, argument, _, takers, _ = a
        names = {ids[v] for v in re.findall(r"V\((\w+)\)", takers)}
        groups = set(re.findall(r"\w+", re.sub(r"V\(\w+\)", "", takers)))
        assert groups <= {a[0] for _, a in rows("src/cli/options.def", "GROUP")}, (name, groups)
        names |= {verb_name for verb_name, verb in verbs().items() if verb.groups & groups}
        table.append(Option(words_of(name), words_of(shorts.get(id, letter)), words_of(alias), kind, words_of(argument), names))
    return table


def options_of(verb_name):
    return [option for option in options() if verb_name in option.verbs]


def has_twin(option):
    """Not what says what to read or write this once."""
    mine = [a[0] for a, o in zip(option_rows(), options()) if o is option]
    assert len(mine) == 1
    return mine[0] not in once_ids()
