"""The listing of the document's section 4.1, run on Keras and mended.

    pip install tensorflow
    python listing_4_1_keras.py > listing_4_1_keras.txt

LISTING is the document's text, comments left out. It is run until it
raises; the error is printed; the next of MENDS changes one thing; and
again, until it runs. Chapter 04_1 quotes the output. TensorFlow is no
requirement of this book: only whoever remakes the output needs it.
"""

import contextlib
import io
import os
import platform
import re
import textwrap
import traceback

LISTING = """\
import tensorflow as tf
from tensorflow.keras.layers import Input, Dense, Flatten, Reshape, Conv2D, \
UpSampling2D
from tensorflow.keras.models import Model

def build_generator():
    input_layer = Input(shape=(100, 1, 1))
    x = Dense(256)(input_layer)
    x = LeakyReLU()(x)
    x = Reshape((2, 2, 256))(x)
    x = UpSampling2D()(x)
    x = Conv2D(128, kernel_size=3, padding='same')(x)
    x = LeakyReLU()(x)
    x = UpSampling2D()(x)
    x = Conv2D(64, kernel_size=3, padding='same')(x)
    x = LeakyReLU()(x)
    x = UpSampling2D()(x)
    x = Conv2D(3, kernel_size=3, activation='tanh', padding='same')(x)
    generator = Model(inputs=input_layer, outputs=x)
    return generator

def build_discriminator():
    input_layer = Input(shape=(28, 28, 3))
    x = Conv2D(64, kernel_size=3, strides=2, padding='same')(input_layer)
    x = LeakyReLU()(x)
    x = DownSampling2D()(x)
    x = Conv2D(128, kernel_size=3, strides=2, padding='same')(x)
    x = LeakyReLU()(x)
    x = DownSampling2D()(x)
    x = Conv2D(256, kernel_size=3, strides=2, padding='same')(x)
    x = LeakyReLU()(x)
    x = DownSampling2D()(x)
    x = Flatten()(x)
    x = Dense(1, activation='sigmoid')(x)
    discriminator = Model(inputs=input_layer, outputs=x)
    return discriminator

generator = build_generator()
discriminator = build_discriminator()

generator_optimizer = tf.keras.optimizers.Adam(lr=0.0002, beta_1=0.5)
discriminator_optimizer = tf.keras.optimizers.Adam(lr=0.0002, beta_1=0.5)

epochs = 100
batch_size = 32

for epoch in range(epochs):
    noise = tf.random.normal([batch_size, 100])
    generated_images = generator(noise, training=True)
    input_images = tf.keras.preprocessing.image.img_to_array(input_images)
    input_images = tf.keras.preprocessing.image.img_to_array(input_images)
    input_images = input_images / 255.0
    input_images = np.expand_dims(input_images, axis=0)
    discriminator_loss = discriminator(input_images, training=True)
    generator_loss = discriminator(generated_images, training=True)
    generator_loss = tf.reduce_mean(generator_loss)
    discriminator_loss = tf.reduce_mean(discriminator_loss)
    generator_optimizer.minimize(generator_loss, \
var_list=generator.trainable_variables)
    discriminator_optimizer.minimize(discriminator_loss, \
var_list=discriminator.trainable_variables)

generated_image = generator.predict(noise)
"""

POOL = "    x = MaxPooling2D()(x)\n"
ONE_BATCH = "input_images = tf.random.uniform([32, 28, 28, 3], maxval=255)\n"
IMG_TO_ARRAY = ("    input_images = tf.keras.preprocessing.image."
                "img_to_array(input_images)\n")
# from the generator's call to the last line of the loop, with a tape
STEP = """\
    input_images = input_images / 255.0
    with tf.GradientTape(persistent=True) as tape:
        generated_images = generator(noise, training=True)
        discriminator_loss = discriminator(input_images, training=True)
        generator_loss = discriminator(generated_images, training=True)
        generator_loss = tf.reduce_mean(generator_loss)
        discriminator_loss = tf.reduce_mean(discriminator_loss)
    v = generator.trainable_variables
    generator_optimizer.apply_gradients(
        zip(tape.gradient(generator_loss, v), v))
    v = discriminator.trainable_variables
    discriminator_optimizer.apply_gradients(
        zip(tape.gradient(discriminator_loss, v), v))
"""

# what is changed, in words; then (old, new) for every place it stands
MENDS = (
    ("LeakyReLU is imported",
     ("UpSampling2D\n", "UpSampling2D, LeakyReLU\n")),
    ("the noise is 100 numbers: Input(shape=(100,)), as the loop draws it",
     ("(100, 1, 1)", "(100,)")),
    ("Dense(2 * 2 * 256), the 1,024 numbers that Reshape asks for",
     ("Dense(256)", "Dense(2 * 2 * 256)")),
    ("DownSampling2D is imported, as LeakyReLU was",
     (", LeakyReLU\n", ", LeakyReLU, DownSampling2D\n")),
    ("MaxPooling2D, which Keras has, stands for DownSampling2D",
     ("DownSampling2D", "MaxPooling2D")),
    ("the three poolings go: the convolutions' strides halve already",
     (", MaxPooling2D\n", "\n"), (POOL, "")),
    ("learning_rate, the name of lr in Keras 3",
     ("lr=", "learning_rate=")),
    ("input_images gets a value: one batch of 32 random images, 0 to 255",
     ("for epoch", ONE_BATCH + "\nfor epoch")),
    ("the two img_to_array lines go: the batch is an array",
     (IMG_TO_ARRAY, "")),
    ("NumPy is imported",
     ("import tensorflow as tf\n",
      "import numpy as np\nimport tensorflow as tf\n")),
    ("expand_dims goes: a batch has its four axes",
     ("    input_images = np.expand_dims(input_images, axis=0)\n", "")),
    ("the generator starts from 7 x 7 and doubles twice: 28 x 28",
     ("Dense(2 * 2 * 256)", "Dense(7 * 7 * 256)"),
     ("Reshape((2, 2, 256))", "Reshape((7, 7, 256))"),
     ("    x = UpSampling2D()(x)\n    x = Conv2D(3,",
      "    x = Conv2D(3,")),
    ("a GradientTape records each step, and apply_gradients applies it",
     ("    generated_images = generator(noise, training=True)\n", ""),
     (LISTING[LISTING.index("    input_images = input_images /"):
              LISTING.index("\ngenerated_image =")].replace(
         "    input_images = np.expand_dims(input_images, axis=0)\n", ""),
      STEP)),
    ("the batch is divided by 255 once, before the loop",
     ("    input_images = input_images / 255.0\n", ""),
     (ONE_BATCH, ONE_BATCH + "input_images = input_images / 255.0\n")),
)


def mended(text, replacements):
    """`text` with every old replaced by its new; each old must be there."""
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"not in the listing: {old!r}")
        text = text.replace(old, new)
    return text


def versions():
    """Every listing from the document's to the last mended one."""
    text = LISTING
    yield text
    for _, *replacements in MENDS:
        text = mended(text, replacements)
        yield text


def first_sentences(message, width=77, lines=3):
    """The start of `message`, wrapped: whole sentences, without colours,
    paths, and Keras's list of the arguments."""
    message = re.sub(r"\x1b\[\d*m", "", message)
    message = re.sub(r"\s+\(/.*?\)", "", message, flags=re.S)
    message = " ".join(message.split("Arguments received")[0].split())
    kept = textwrap.wrap(message, width)
    if len(kept) <= lines:
        return kept
    start = " ".join(kept[:lines])
    ends = [m.end() for m in re.finditer(r"[.:;!?](?= )", start)]
    cut = ends[-1] if ends else len(start)
    return textwrap.wrap(start[:cut] + " [...]", width)


def run(text):
    """Run a listing: (its last names, None), or (names, error in words)."""
    import tensorflow as tf
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)
    names = {}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "<listing>", "exec"), names)
    except Exception as error:
        frame = [f for f in traceback.extract_tb(error.__traceback__)
                 if f.filename == "<listing>"][-1]
        at = text.splitlines()[frame.lineno - 1].strip()
        where = "" if frame.name == "<module>" else f", in {frame.name}"
        return names, [f"line {frame.lineno}{where}:",
                       *("    " + part for part in textwrap.wrap(at, 73)),
                       *first_sentences(f"{type(error).__name__}: {error}")]
    return names, None


def main():
    """Print the transcript."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, "
          f"Python {platform.python_version()}")
    changes = ["the listing as it is printed", *(m[0] for m in MENDS)]
    for step, (change, text) in enumerate(zip(changes, versions(),
                                              strict=True)):
        names, error = run(text)
        print(f"\nstep {step}: {change}")
        for line in error or last_words(names):
            print("  " + line)


def last_words(names):
    """What a listing that ran has made."""
    real = names["discriminator"](names["input_images"]).numpy().mean()
    fake = names["discriminator"](names["generated_image"]).numpy().mean()
    return [f"no error: {names['epochs']} steps, and images of shape "
            f"{names['generated_image'].shape}",
            "largest value in input_images after them: "
            f"{names['input_images'].numpy().max():.2f}",
            f"D's mean output, the probability of \"real\": {real:.2f} on "
            "the real images,", f"{fake:.2f} on generated ones"]


if __name__ == "__main__":
    main()
