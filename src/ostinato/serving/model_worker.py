"""The worker thread of the models, which answers waiting requests in batches."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ostinato.notices import silence_notices
from ostinato.serving.refusal import Refusal, busy

LOGGER = logging.getLogger("ostinato.serving")
FAILED = "the model failed on this input; the server's log says more"


class ModelThread:
    """The thread of all models: torch uses the cores inside it, the event loop stays free."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a function that is called in the thread, without its notices."""

        def call() -> Any:
            with silence_notices():
                return function(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self.pool, call)

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


class Waiting(NamedTuple):
    """A request that waits for its answer."""

    work: Any
    answer: asyncio.Future


class MicroBatches:
    """Answers what waits together: while the model works, further requests gather.

    Args:
        thread: Where the model works.
        answer_all: Works of several requests -> an answer each; an answer that is an exception is
            raised to its own client alone.
        most_waiting: Requests that may wait; further ones are refused with 503.
        most_together: Requests that are answered together.
        observe: Called with the number of requests of each batch.
    """

    def __init__(
        self,
        thread: ModelThread,
        answer_all: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most_waiting: int,
        most_together: int = 64,
        observe: Callable[[int], None] = lambda size: None,
    ):
        self.thread, self.answer_all, self.observe = thread, answer_all, observe
        self.most_waiting, self.most_together = most_waiting, most_together
        self.waiting: deque[Waiting] = deque()
        self.task: asyncio.Task | None = None

    async def submit(self, work: Any) -> Any:
        """The answer to a request.

        Raises:
            Refusal: Too many wait already, or the model refuses or fails.
        """
        if len(self.waiting) >= self.most_waiting:
            raise busy("too many requests wait already; try again")
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(work, future))
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.answer_waiting())
        return await future

    async def answer_waiting(self) -> None:
        """Answers batch after batch until nothing waits."""
        while self.waiting:
            count = min(self.most_together, len(self.waiting))
            batch = [self.waiting.popleft() for _ in range(count)]
            batch = [each for each in batch if not each.answer.cancelled()]
            if not batch:
                continue
            self.observe(len(batch))
            try:
                answers = await self.thread.run(self.answer_all, [each.work for each in batch])
            except Exception as error:
                answers = [error] * len(batch)
            for each, answer in zip(batch, answers, strict=True):
                give(each.answer, answer)


def give(future: asyncio.Future, answer: Any) -> None:
    """Resolves a future, whose client may have gone."""
    if future.cancelled():
        return
    if isinstance(answer, Exception):
        future.set_exception(as_refusal(answer))
    else:
        future.set_result(answer)


def as_refusal(error: Exception) -> Refusal:
    """An error as the client sees it. What is not its fault is logged."""
    if isinstance(error, Refusal):
        return error
    LOGGER.error("a request failed", exc_info=error)
    return Refusal(503, FAILED)
