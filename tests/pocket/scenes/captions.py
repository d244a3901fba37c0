"""Sentences for scenes: their words are exactly the visible factors, in phrasings close to the paper's prompts."""
import random

VERBS = {
    "jeep": ("driving", "driving", "moving", ""), "porsche car": ("driving", "driving", "moving", ""),
    "train": ("driving", "moving", "rolling", ""), "boat": ("sailing", "floating", "moving", ""),
    "balloon": ("floating", "flying", "moving", ""), "swan": ("swimming", "moving", "standing", ""),
    "duck": ("swimming", "walking", "moving", ""), "flamingo": ("walking", "standing", "moving", ""),
    "cat": ("walking", "running", "moving", ""), "tiger": ("walking", "running", "moving", ""),
    "rabbit": ("running", "moving", "sitting", ""), "fox": ("walking", "running", "moving", ""),
}
GENERIC_VERBS = ("moving", "moving", "")
PLACE = {
    "road": ("down a curvy road in the countryside", "on a curvy road in the countryside", "on a curvy road"),
    "river": ("in a river near a wall and bushes", "in the river near a wall and bushes", "in a river"),
    "beach": ("on a beach", "on the beach by the sea", "on a sandy beach"),
    "snow": ("in the snow", "on snow", "through the snow"),
    "desert": ("in the desert", "through the desert", "on the sand of a desert"),
    "street": ("down a city street", "on a city street", "on a street in the city"),
    "forest": ("in a forest", "through the forest", "in the forest under trees"),
    "meadow": ("in a meadow", "on a meadow with flowers", "through a flower meadow"),
}
EMPTY = {
    "road": ("a curvy road in the countryside", "the countryside with a curvy road", "a curvy road"),
    "river": ("a river near a wall and bushes", "the river near a wall and bushes", "a river"),
    "beach": ("a beach", "the beach by the sea", "a sandy beach"),
    "snow": ("the snow", "snow", "a field of snow"),
    "desert": ("the desert", "a desert", "the sand of a desert"),
    "street": ("a city street", "the city street", "a street in the city"),
    "forest": ("a forest", "the forest", "the forest with trees"),
    "meadow": ("a meadow", "a meadow with flowers", "a flower meadow"),
}
STYLE = {
    "photo": ("{}", "{}", "{}", "a photo of {}", "photo of {}", "a realistic photo of {}"),
    "watercolor": ("watercolor painting of {}", "a watercolor painting of {}", "{}, watercolor painting",
                   "watercolor painting style, {}", "{}, in the style of watercolor painting", "a watercolor of {}"),
    "ukiyo-e": ("ukiyo-e style {}", "{}, ukiyo-e style", "a ukiyo-e print of {}", "ukiyo-e painting of {}",
                "{}, in the style of ukiyo-e", "ukiyo-e of {}"),
    "van gogh": ("van gogh style painting of {}", "{}, in the style of van gogh", "van gogh painting of {}",
                 "a painting of {} by van gogh", "van gogh style {}", "{}, van gogh style"),
    "monet": ("monet style painting of {}", "{}, in the style of monet", "monet painting of {}",
              "a painting of {} by monet", "monet style {}", "{}, monet style"),
    "cartoon": ("cartoon of {}", "a cartoon of {}", "{}, cartoon style", "cartoon style {}", "{}, cartoon",
                "{}, in the style of a cartoon"),
    "pencil sketch": ("pencil sketch of {}", "a pencil sketch of {}", "{}, pencil sketch", "pencil sketch style, {}",
                      "{}, in the style of a pencil sketch", "a pencil sketch drawing of {}"),
    "makoto shinkai": ("makoto shinkai style {}", "{}, makoto shinkai style", "{}, in the style of makoto shinkai",
                       "makoto shinkai anime of {}", "a makoto shinkai style painting of {}", "{} by makoto shinkai"),
}


WEATHER = {"night": "at night", "sunset": "at sunset", "fog": "in the fog", "rain": "in the rain"}

# What else people call these things. The captions that edits are measured with keep to the words above.
NAMES = {
    "jeep": ("jeep", "off road car"), "porsche car": ("porsche", "sports car"), "train": ("steam train", "locomotive"),
    "boat": ("sailboat", "yacht"), "balloon": ("hot air balloon", "air balloon"), "swan": ("swan",), "duck": ("duckling", "bird"),
    "flamingo": ("flamingo",), "cat": ("kitten", "kitty"), "tiger": ("tiger",), "rabbit": ("bunny", "hare"), "fox": ("fox",),
}
SHADES = {"silver": ("grey", "gray"), "purple": ("violet",), "pink": ("rose",), "brown": ("chocolate",)}
WHERE = {
    "road": ("on a road", "on a country road"), "river": ("on the water", "on a river"), "beach": ("at the seaside", "by the sea"),
    "snow": ("in winter", "in a snowy landscape"), "desert": ("among sand dunes", "in the sand"), "street": ("in the city", "in town"),
    "forest": ("in the woods", "among trees"), "meadow": ("on the grass", "in a field of flowers"),
}
MANNER = {
    "photo": ("a photograph of {}", "{}, photo"), "watercolor": ("a watercolour of {}", "{}, watercolor"),
    "ukiyo-e": ("a japanese woodblock print of {}", "ukiyo-e {}"), "van gogh": ("{} by van gogh", "{}, van gogh"),
    "monet": ("{} by monet", "an impressionist painting of {}"), "cartoon": ("a comic of {}", "cartoon {}"),
    "pencil sketch": ("a pencil drawing of {}", "a sketch of {}"), "makoto shinkai": ("an anime of {}", "{}, anime style"),
}
CRISP = ("{}, high quality", "{}, highly detailed", "{}, high quality, highly detailed, 8k", "{}, sharp", "a detailed picture of {}")
SOFT = ("{}, blurry", "a blurry picture of {}", "{}, low quality", "{}, out of focus", "a soft picture of {}")


def named(object, colour):
    """'an orange fox'."""
    name = f"{colour} {object}" if colour else object
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def caption(object, colour, place, style, seed, weather=None, second=None, second_colour=None):
    """One sentence. `seed` picks the wording only: scenes that differ in one factor differ in that factor's words."""
    dice = random.Random(f"caption {seed}")
    verb, where, painted, bare = (dice.random() for _ in range(4))
    choose = lambda options, at: options[int(at * len(options))]
    if object is None:
        text = choose(EMPTY[place], where)
    else:
        does = choose(VERBS[object], verb) if bare < 0.9 and not second else choose(GENERIC_VERBS, verb)
        who = f"{named(object, colour)} and {named(second, second_colour)}" if second else named(object, colour)
        text = " ".join(word for word in (who, does, choose(PLACE[place], where)) if word)
    if weather:
        text = f"{text} {WEATHER[weather]}"
    return choose(STYLE[style], painted).format(text)


def loosely(object, colour, place, style, seed, weather=None, second=None, second_colour=None):
    """The same said as people do: other nouns, articles and orders."""
    dice = random.Random(f"loosely {seed}")
    either = lambda own, others: dice.choice(others) if others and dice.random() < 0.6 else own
    where = either(dice.choice(PLACE[place]), WHERE[place])
    weather = WEATHER[weather] if weather else ""
    if object is None:
        text = " ".join(filter(None, (dice.choice(EMPTY[place]), weather)))
    else:
        def called(object, colour):
            noun, shade = either(object, NAMES[object]), either(colour, SHADES.get(colour)) if colour else ""
            return " ".join(filter(None, (dice.choice(("a", "a", "the", "one", "")), shade, noun)))
        thing = " and ".join(called(*of) for of in ((object, colour), (second, second_colour)) if of[0])
        does = dice.choice((*(GENERIC_VERBS if second else VERBS[object]), "", ""))
        order = dice.random()
        if order < 0.65:
            parts = (thing, does, where, weather)
        elif order < 0.85:
            parts = (f"{where},", thing, does, weather)
        else:
            parts = (thing, weather, where)
        text = " ".join(filter(None, parts))
    return either(dice.choice(STYLE[style]), MANNER[style]).format(text)
