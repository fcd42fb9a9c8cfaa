"""What plug-ins fulfil, and the frozen records that pass between the stages.

A plug-in is a module found by its name (see `plugins`). A task module has `TASK`, a backend module
has `FORMAT` and `open_engine`, a sensor module has `find`; the Protocols here type them.
"""

from wattscan.contracts.energy import (
    EnergyAccount,
    EnergyMeter,
    EnergyShare,
)
from wattscan.contracts.errors import (
    EngineAbsent,
    EngineUnfit,
    ImageTooLarge,
    InvalidImage,
    SensorAbsent,
    SensorFailed,
    WattscanError,
    last_line,
)
from wattscan.contracts.limits import LIMITS, Limits
from wattscan.contracts.models import (
    Backend,
    Difference,
    Engine,
    ModelCard,
    ModelFile,
    Normalisation,
    Quality,
    TensorSpec,
)
from wattscan.contracts.sensors import (
    EnergyReading,
    EnergySensor,
    Hasty,
    PowerReading,
    PowerSensor,
    Sensor,
    SensorModule,
    TemperatureReading,
    TemperatureSensor,
    Throttling,
)
from wattscan.contracts.targets import (
    Batching,
    Correction,
    PaperReading,
    SensorChoice,
    Target,
)
from wattscan.contracts.tasks import (
    DataSet,
    Finding,
    Mask,
    Samples,
    Task,
)
from wattscan.contracts.types import (
    PRECISIONS,
    Array,
    Format,
    Method,
    Pixels,
    Precision,
    Scope,
    TaskKind,
    Tensor,
)

__all__ = [
    "LIMITS",
    "PRECISIONS",
    "Array",
    "Backend",
    "Batching",
    "Correction",
    "DataSet",
    "Difference",
    "EnergyAccount",
    "EnergyMeter",
    "EnergyReading",
    "EnergySensor",
    "EnergyShare",
    "Engine",
    "EngineAbsent",
    "EngineUnfit",
    "Finding",
    "Format",
    "Hasty",
    "ImageTooLarge",
    "InvalidImage",
    "Limits",
    "Mask",
    "Method",
    "ModelCard",
    "ModelFile",
    "Normalisation",
    "PaperReading",
    "Pixels",
    "PowerReading",
    "PowerSensor",
    "Precision",
    "Quality",
    "Samples",
    "Scope",
    "Sensor",
    "SensorAbsent",
    "SensorChoice",
    "SensorFailed",
    "SensorModule",
    "Target",
    "Task",
    "TaskKind",
    "TemperatureReading",
    "TemperatureSensor",
    "Tensor",
    "TensorSpec",
    "Throttling",
    "WattscanError",
    "last_line",
]
