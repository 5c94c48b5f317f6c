"""Search spaces: a YAML file to validated parameters with distributions, conditions and a default.

.. code-block:: yaml

    method: probe
    parameters:
      pooling: {choice: [mean, max]}
      classifier: {choice: [logistic_regression, random_forest]}
      C: {loguniform: [1.0e-4, 100], when: {classifier: [logistic_regression]}}
      n_estimators: {int: [100, 500], log: true, when: {classifier: [random_forest]}}
    default: {pooling: mean, classifier: logistic_regression, C: 1.0, n_estimators: 300}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.basics.errors import UserError, nearest
from engine.basics.yaml_files import explain
from engine.methods.hyperparameters import Range, as_yaml

Scalar = str | int | float | bool | None
Kind = Literal["uniform", "loguniform", "int", "choice", "constant"]
KINDS: tuple[Kind, ...] = ("uniform", "loguniform", "int", "choice", "constant")


class Suggester(Protocol):
    """Who proposes values: an Optuna trial, or a test's stand-in."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Propose a number in [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Propose a whole number in [low, high]."""

    def suggest_categorical(self, name: str, choices: tuple[Scalar, ...]) -> Scalar:
        """Propose one of the choices."""


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    low, high : float
        Bounds, both included, of the numeric kinds.
    log : bool
        Whether the numeric kinds are drawn on a logarithmic scale.
    choices : tuple
        Values of ``choice``; the single value of ``constant``.
    when : mapping
        Parameter name -> values under which this one is active; all must hold.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Scalar, ...] = ()
    when: Mapping[str, tuple[Scalar, ...]] | None = None

    def active(self, params: Mapping[str, Scalar]) -> bool:
        """Whether the conditions hold under the parameters drawn so far."""
        return all(
            name in params and params[name] in values for name, values in (self.when or {}).items()
        )

    def accepts(self, value: Scalar) -> bool:
        """Whether a value lies in the distribution."""
        if self.kind in ("choice", "constant"):
            return any(value == c and type(value) is type(c) for c in self.choices)
        number = int if self.kind == "int" else int | float
        if isinstance(value, bool) or not isinstance(value, number):
            return False
        return self.low <= value <= self.high

    def check(self, values: Range | tuple[str | bool, ...] | None, where: str) -> None:
        """Refuse a choice, or an end of a distribution, that is not one of a method's values.

        Parameters
        ----------
        values : Range, tuple or None
            Of the method's `Hyperparameter`.
        where : str
            File and key, for the message.

        Raises
        ------
        UserError
            If no fit could use it.
        """
        if isinstance(values, Range):
            if values.whole and self.kind in ("uniform", "loguniform"):
                raise UserError(
                    f"{where}: {self.kind} draws fractions; give {values}, with int or choice"
                )
            for value in self.choices or (self.low, self.high):
                if not values.holds(value):
                    raise UserError(f"{where}: {value!r} is out of range; give {values}")
            return
        for value in self.choices:
            if values and value not in values:
                hint = nearest(str(value), map(as_yaml, values))
                raise UserError(f"{where}: {value!r} is unknown; {hint}")

    def draw(self, suggester: Suggester) -> Scalar:
        """Ask a suggester for a value."""
        if self.kind == "constant":
            return self.choices[0]
        if self.kind == "choice":
            return suggester.suggest_categorical(self.name, self.choices)
        if self.kind == "int":
            return suggester.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return suggester.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Space:
    """The hyperparameters of a method.

    Attributes
    ----------
    method : str
        Registered method that they belong to.
    parameters : tuple of Parameter
        In order of declaration; a condition names an earlier parameter.
    default : mapping
        The untuned configuration, always trial 0; a value for every parameter.
    source : str
        File it was read from, for messages.
    """

    method: str
    parameters: tuple[Parameter, ...]
    default: Mapping[str, Scalar]
    source: str

    def draw(self, suggester: Suggester) -> dict[str, Scalar]:
        """Ask a suggester for one configuration; inactive parameters are absent."""
        params: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if parameter.active(params):
                params[parameter.name] = parameter.draw(suggester)
        return params

    def default_point(self) -> dict[str, Scalar]:
        """The default configuration with its active parameters only."""
        params: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if parameter.active(params):
                params[parameter.name] = self.default[parameter.name]
        return params

    def holds(self, params: Mapping[str, Scalar]) -> bool:
        """Whether a configuration is one of the space's: its active parameters and no others."""
        drawn: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if parameter.active(drawn):
                if not (parameter.name in params and parameter.accepts(params[parameter.name])):
                    return False
                drawn[parameter.name] = params[parameter.name]
        return drawn.keys() == params.keys()

    def restricted(self, name: str, allowed: Collection[Scalar]) -> Space:
        """The space with a choice narrowed to what an encoder can do.

        Parameters
        ----------
        name : str
            A ``choice`` or ``constant`` parameter; where the space has none, it is left as it is.
        allowed : collection
            Values that are possible. Where none of the declared ones is, all of `allowed` stand in:
            a baseline with one fixed representation takes part in every space.
        """
        narrowed = []
        default = dict(self.default)
        for parameter in self.parameters:
            if parameter.name == name:
                choices = tuple(c for c in parameter.choices if c in allowed) or tuple(allowed)
                kind: Kind = "choice" if len(choices) > 1 else "constant"
                parameter = replace(parameter, kind=kind, choices=choices)
                if default[name] not in choices:
                    default[name] = choices[0]
            narrowed.append(parameter)
        return replace(self, parameters=tuple(narrowed), default=default)

    def to_dict(self) -> dict[str, Any]:
        """The space as plain data: what `parse_space` reads, and what its identity is made of."""
        parameters: dict[str, Any] = {}
        for p in self.parameters:
            entry: dict[str, Any]
            if p.kind == "constant":
                entry = {"constant": p.choices[0]}
            elif p.kind == "choice":
                entry = {"choice": list(p.choices)}
            elif p.kind == "int":
                entry = {"int": [int(p.low), int(p.high)]} | ({"log": True} if p.log else {})
            else:
                entry = {p.kind: [p.low, p.high]}
            if p.when:
                entry["when"] = {name: list(values) for name, values in p.when.items()}
            parameters[p.name] = entry
        return {"method": self.method, "parameters": parameters, "default": dict(self.default)}


class _ParameterModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    uniform: tuple[float, float] | None = None
    loguniform: tuple[float, float] | None = None
    int_: tuple[int, int] | None = Field(default=None, alias="int")
    choice: list[Scalar] | None = None
    constant: Scalar = None
    log: bool = False
    when: dict[str, list[Scalar]] = {}


class _SpaceModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str
    description: str = ""
    parameters: dict[str, _ParameterModel]
    default: dict[str, Scalar]


def parse_space(data: Any, source: str) -> Space:
    """Validate a search space.

    Parameters
    ----------
    data : mapping
        What the YAML file holds.
    source : str
        The file, for messages.

    Raises
    ------
    UserError
        For an unknown key, an empty choice, bounds in the wrong order, a condition on a parameter
        that does not exist or comes later, or a default that is missing or out of range.
    """
    try:
        model = _SpaceModel.model_validate(data)
    except ValidationError as error:
        raise UserError(explain(error, _SpaceModel, source)) from None
    parameters: list[Parameter] = []
    for name, entry in model.parameters.items():
        parameter = _parameter(name, entry, source)
        _check_conditions(parameter, parameters, list(model.parameters), source)
        parameters.append(parameter)
    _check_default(model.default, parameters, source)
    return Space(model.method, tuple(parameters), model.default, source)


def _parameter(name: str, entry: _ParameterModel, source: str) -> Parameter:
    where = f"{source}: parameters.{name}"
    given = [
        kind for kind in KINDS if ("int_" if kind == "int" else kind) in entry.model_fields_set
    ]
    if len(given) != 1:
        told = " and ".join(given) or "none"
        raise UserError(f"{where}: give exactly one of {', '.join(KINDS)} (found {told})")
    kind = given[0]
    if kind != "int" and "log" in entry.model_fields_set:
        raise UserError(f"{where}.log: {kind} takes no 'log'; for a logarithmic scale: loguniform")
    when = {key: tuple(values) for key, values in entry.when.items()}
    if kind == "constant":
        return Parameter(name, kind, choices=(entry.constant,), when=when)
    if kind == "choice":
        choices = tuple(entry.choice or ())
        if not choices:
            raise UserError(f"{where}.choice: the choice is empty; list at least one value")
        if len({(type(c), c) for c in choices}) < len(choices):
            raise UserError(f"{where}.choice: a value is listed twice; list each once")
        return Parameter(name, kind, choices=choices, when=when)
    low, high = {"uniform": entry.uniform, "loguniform": entry.loguniform, "int": entry.int_}[
        kind
    ] or (0, 0)
    log = kind == "loguniform" or entry.log
    if not (isfinite(low) and isfinite(high) and low < high):
        raise UserError(
            f"{where}.{kind}: [{low}, {high}] holds no range; give finite bounds with low < high"
        )
    if log and low <= 0:
        raise UserError(f"{where}.{kind}: a logarithmic scale needs low > 0, not {low}")
    return Parameter(name, kind, low=low, high=high, log=log, when=when)


def _check_conditions(
    parameter: Parameter, earlier: list[Parameter], names: list[str], source: str
) -> None:
    known = {p.name: p for p in earlier}
    for name, values in (parameter.when or {}).items():
        where = f"{source}: parameters.{parameter.name}.when"
        if name not in names:
            raise UserError(f"{where}: parameter '{name}' does not exist; {nearest(name, names)}")
        if not values:
            raise UserError(f"{where}.{name}: the list is empty; give at least one value")
        if name not in known:
            raise UserError(f"{where}: declare '{name}' above '{parameter.name}'")
        for value in values:
            if not known[name].accepts(value):
                raise UserError(f"{where}.{name}: {value!r} is not a value that '{name}' can take")


def _check_default(default: Mapping[str, Scalar], parameters: list[Parameter], source: str) -> None:
    names = [p.name for p in parameters]
    for name in default:
        if name not in names:
            raise UserError(f"{source}: default.{name}: no such parameter; {nearest(name, names)}")
    for parameter in parameters:
        if parameter.name not in default:
            raise UserError(
                f"{source}: default: give a value for '{parameter.name}'"
                " (the default point is trial 0)"
            )
        if not parameter.accepts(default[parameter.name]):
            raise UserError(
                f"{source}: default.{parameter.name}: {default[parameter.name]!r} lies outside "
                "its own distribution"
            )
