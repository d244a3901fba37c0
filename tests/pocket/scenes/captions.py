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


def caption(object, colour, place, style, seed):
    """One sentence. `seed` picks the wording only: scenes that differ in one factor differ in that factor's words."""
    dice = random.Random(f"caption {seed}")
    verb, where, painted, bare = (dice.random() for _ in range(4))
    choose = lambda options, at: options[int(at * len(options))]
    if object is None:
        text = choose(EMPTY[place], where)
    else:
        name = f"{colour} {object}" if colour else object
        article = "an" if name[0] in "aeiou" else "a"
        does = choose(VERBS[object], verb) if bare < 0.9 else choose(GENERIC_VERBS, verb)
        text = " ".join(word for word in (article, name, does, choose(PLACE[place], where)) if word)
    return choose(STYLE[style], painted).format(text)
