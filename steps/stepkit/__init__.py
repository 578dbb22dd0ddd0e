"""The small kit Python steps share: the task loop, parameters, camera geometry and safe reading of photographs.

It knows the step contract (docs/steps.md), never the coordinator. ``loop`` and ``parameters``
need no third-party package; ``arrays`` and ``camera`` need numpy, ``photograph`` and ``orientation`` need OpenCV,
``network`` needs onnxruntime.
"""

from steps.stepkit.loop import BadInput, Handler, Json, Task, Together, serve

__all__ = ["BadInput", "Handler", "Json", "Task", "Together", "serve"]
