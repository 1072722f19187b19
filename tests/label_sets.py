"""Names of classes that several tests share."""

CIFAR10 = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
]
SCENES = ["n01443537", "n02110958", "n02690373", "n03954731", "n09246464", "n02012849"]

# Every name that two classes of ImageNet share, whatever the case (crawfish and
# crayfish are shared by the same two).
SHARED_NAMES = {
    "sand viper": (54, 66),
    "grass snake": (55, 57),
    "partridge": (82, 86),
    "crawfish": (123, 124),
    "crayfish": (123, 124),
    "crane": (134, 517),
    "cardigan": (264, 474),
    "catamount": (286, 287),
    "panther": (286, 290),
    "sus scrofa": (341, 342),
    "polecat": (358, 361),
    "panda": (387, 388),
    "tub": (435, 876),
    "wagon": (436, 734),
    "gong": (494, 577),
    "horn": (513, 566),
    "harp": (593, 594),
    "maillot": (638, 639),
    "missile": (657, 744),
}
