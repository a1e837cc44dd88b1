"""The networks that a trainer's file holds: weights under wrappers (dicts) and prefixes (the first parts of their names), by structure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

State = Mapping[str, Tensor]

# What torch.compile, FSDP and activation checkpointing write into names, at any depth.
_WRITTEN_BY_TORCH = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_AVERAGED = {"ema", "swa", "averaged", "average", "avg", "shadow"}
_GENERATOR = {"g", "gen", "generator"}
_DISCRIMINATOR = {"d", "disc", "discriminator", "critic"}

# A prefix is a few words long, and a file has a few thousand dicts at most (an optimiser keeps one a weight).
_DEEPEST = 5
_MOST_DICTS = 50_000


@dataclass(frozen=True)
class Network:
    """One network of a file.

    Attributes:
        label: Where it lies, the keys and the prefix joined by dots; empty where it is the file.
        state: Its weights, by the names that the network has for them.
    """

    label: str
    state: State

    @property
    def words(self) -> set[str]:
        """The words of its label: `state_dict.netG_ema` is state, dict, net, g, ema."""
        return {word.lower() for word in _WORD.findall(self.label)}

    @property
    def averaged(self) -> bool:
        """Whether its label says that it is a moving average of weights."""
        return bool(self.words & _AVERAGED)

    def is_version_of(self, other: "Network") -> bool:
        """Whether both are weights of one network, as an average and what it was made of are."""
        shapes = [{name: tensor.shape for name, tensor in network.state.items()} for network in (self, other)]
        return self is other or (shapes[0] == shapes[1] and self.averaged != other.averaged)


def networks_within(content: Mapping[Any, Any], known: Callable[[State], bool]) -> list[Network]:
    """Every network of a file that `known` recognises, the one to take first.

    A moving average is before the weights it was made of, a generator before others, a discriminator last, the larger before the smaller.
    Inside a known network none is looked for.
    """
    every = [network for label, state in _states(content) for network in _under_prefixes(label, state, known, 0)]
    found = [network for network in every if known(network.state)]
    plain = [network for network in found if not network.averaged]
    averaged = [_completed(network, plain) for network in every if network.averaged]
    found = plain + [network for network in averaged if known(network.state)]
    return sorted(found, key=_rank)


def _rank(network: Network) -> tuple[bool, bool, bool, int]:
    size = sum(tensor.numel() for tensor in network.state.values())
    return bool(network.words & _DISCRIMINATOR), not network.averaged, not network.words & _GENERATOR, -size


def _states(content: Mapping[Any, Any]) -> Iterator[tuple[str, State]]:
    """Every dict that holds tensors, at any depth, with the keys that lead to it, the outer before the inner."""
    seen = {id(content)}
    waiting: list[tuple[str, Mapping[Any, Any]]] = [("", content)]
    for label, mapping in waiting:  # grows while it is read
        state = {_WRITTEN_BY_TORCH.sub("", str(name)): value for name, value in mapping.items() if isinstance(value, Tensor)}
        if state:
            yield label, state
        for key, value in mapping.items():
            if isinstance(value, Mapping) and id(value) not in seen and len(waiting) < _MOST_DICTS:
                seen.add(id(value))
                waiting.append((_joined(label, str(key)), value))


def _under_prefixes(label: str, state: State, known: Callable[[State], bool], depth: int) -> Iterator[Network]:
    """The weights as they are, and, where those are of no known network, the weights under each first part of their names."""
    yield Network(label, state)
    if depth == _DEEPEST or known(state):
        return
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        prefix, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(prefix, {})[rest] = tensor
    for prefix, part in parts.items():
        if len(part) > 1:
            yield from _under_prefixes(_joined(label, prefix), part, known, depth + 1)


def _completed(average: Network, networks: list[Network]) -> Network:
    """An average with what its keeper leaves out, from the network it was made of: buffers, and the dots of names (as LitEma does).

    At least half of that network's weights must be there, in the same shapes; a keeper's own counters are dropped.
    """
    for network in networks:
        names = {**{name.replace(".", ""): name for name in network.state}, **{name: name for name in network.state}}
        own = {names[name]: tensor for name, tensor in average.state.items() if name in names}
        same = all(tensor.shape == network.state[name].shape for name, tensor in own.items())
        if same and 2 * len(own) >= len(network.state):
            return replace(average, state={**network.state, **own})
    return average


def _joined(label: str, part: str) -> str:
    return f"{label}.{part}" if label else part
