"""The small kit Python steps share: the task loop, camera geometry and safe reading of photographs.

It knows the step contract (docs/steps.md), never the coordinator. The loop alone needs no third-party
package; ``camera`` needs numpy, ``photograph`` needs OpenCV.
"""

from steps.stepkit.loop import BadInput, Json, Task, serve

__all__ = ["BadInput", "Json", "Task", "serve"]
