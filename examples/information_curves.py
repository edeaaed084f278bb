"""AIC and SIC of Grad-CAM for a classifier of torchvision: `python examples/information_curves.py photo.jpg ...`."""

import sys

from PIL import Image
from torch import stack
from torchvision.models import ResNet18_Weights, resnet18

from aga_lightning import PerformanceInformationCurve, Pixels, attribute, probabilities

weights, pixels = ResNet18_Weights.DEFAULT, Pixels(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
model = resnet18(weights=weights).eval()
images = stack([weights.transforms()(Image.open(path).convert("RGB")) for path in sys.argv[1:]])
labels = model(images).argmax(1)
metric = PerformanceInformationCurve(probabilities(model, pixels))
metric.update(pixels.pixels(images), attribute(model, images, labels, relu=False), labels)
print(metric.compute())
