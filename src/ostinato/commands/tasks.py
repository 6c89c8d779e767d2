"""ostinato tasks"""

from __future__ import annotations

from collections.abc import Iterator

EXAMPLES = ("ostinato tasks", "ostinato tasks --json")


def tasks() -> list[dict[str, str]]:
    """The tasks that models can be trained for, with files, metrics and an example command."""
    from ostinato.tasks import TASKS

    return [
        {
            "task": name,
            "reads": task.reads,
            "metrics": ", ".join(task.metrics),
            "example": task.example,
        }
        for name, task in TASKS.items()
    ]


def lines(result: list[dict[str, str]], *, json: bool = False) -> Iterator[str]:
    """Four lines per task."""
    if json:
        from ostinato.commands.tables import as_json

        yield as_json({"tasks": result})
        return
    for each in result:
        yield each["task"]
        yield f"  reads    {each['reads']}"
        yield f"  metrics  {each['metrics']}"
        yield f"  example  {each['example']}"
