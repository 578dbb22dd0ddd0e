"""The small kit Python steps share: the task loop, parameters, camera geometry and safe reading of photographs.

It knows the step contract (docs/steps.md), never the coordinator. ``loop`` and ``parameters``
need no third-party package; ``arrays`` and ``camera`` need numpy, ``photograph`` needs OpenCV.
"""

from steps.stepkit.loop import BadInput, Json, Task, serve

__all__ = ["BadInput", "Json", "Task", "serve"]
