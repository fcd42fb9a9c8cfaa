"""Small public data sets, as they are downloaded."""

from pathlib import Path

from wattscan import plugins
from wattscan.contracts import DataSet

NERVE, BRAIN, CHEST = "nerve-ultrasound", "brain-mri", "chest-xray"
FIRST_IMAGE = {
    NERVE: "train/1_1.tif",
    BRAIN: "kaggle_3m/TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_2.tif",
    CHEST: "images_001/images/00000001_000.png",
}


def opened(task: str, folder: Path) -> DataSet:
    return plugins.task(task).dataset(folder)
