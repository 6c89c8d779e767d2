"""ostinato tasks"""

from __future__ import annotations

from collections.abc import Iterator


def tasks() -> list[dict[str, str]]:
    """What Ostinato can be trained to do: each task, the files it reads, one example command."""
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
    if json:
        from ostinato.commands.tables import as_json

        yield as_json({"tasks": result})
        return
    for each in result:
        yield each["task"]
        yield f"  reads    {each['reads']}"
        yield f"  metrics  {each['metrics']}"
        yield f"  example  {each['example']}"
