"""Video: a label for a whole film (many to one), or one for every frame (many to many, aligned), from pixels or features of frames."""

from ostinato.tasks.video.task import Video

__all__ = ["Video"]
