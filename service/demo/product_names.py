"""A till's shorthand ("FLUID MILK WHITE ONLY") → what a person would call it ("milk")."""

from __future__ import annotations

import re

_FREQUENT = {
    "FLUID MILK WHITE ONLY": "milk",
    "SOFT DRINKS 12/18&15PK CAN CAR": "soft drinks",
    "SFT DRNK 2 LITER BTL CARB INCL": "soft drinks",
    "SFT DRNK SNGL SRV BTL CARB (EX": "soft drinks",
    "SFT DRNK MLT-PK BTL CARB (EXCP": "soft drinks",
    "YOGURT NOT MULTI-PACKS": "yogurt",
    "YOGURT MULTI-PACKS": "yogurt",
    "MAINSTREAM WHITE BREAD": "white bread",
    "MAINSTREAM WHEAT/MULTIGRAIN BR": "wheat bread",
    "PREMIUM BREAD": "bread",
    "CANDY BARS (SINGLES)(INCLUDING": "candy bars",
    "CANDY BARS (MULTI PACK)": "candy bars",
    "CANDY BAGS-CHOCOCLATE": "chocolate",
    "GASOLINE-REG UNLEADED": "gasoline",
    "SS ECONOMY ENTREES/DINNERS ALL": "frozen dinners",
    "FRZN SS PREMIUM ENTREES/DNRS/N": "frozen dinners",
    "FRZN SS PREMIUM ENTREES/DNRS/T": "frozen dinners",
    "FRZN MULTI SERVE ENTREES ALL": "frozen dinners",
    "SNACK CAKE - MULTI PACK": "snack cakes",
    "DAIRY CASE 100% PURE JUICE - O": "orange juice",
    "DAIRY CASE JUICE DRNK UNDER 10": "fruit juice",
    "ASEPTIC PACK JUICE AND DRINKS": "juice",
    "FRZN BAGGED VEGETABLES - PLAIN": "frozen vegetables",
    "TORTILLA/NACHO CHIPS": "tortilla chips",
    "RTS SOUP: CHUNKY/HOMESTYLE ET": "soup",
    "POURABLE SALAD DRESSINGS": "salad dressing",
    "SEMI-SOLID SALAD DRESSING MAY": "mayonnaise",
    "PRIMAL": "beef",
    "CHOICE BEEF": "beef",
    "LEAN": "ground beef",
    "ENHANCED": "pork",
    "EGGS - LARGE": "eggs",
    "EGGS - X-LARGE": "eggs",
    "IWS SINGLE CHEESE": "sliced cheese",
    "NATURAL CHEESE EXACT WT CHUNKS": "cheese",
    "PAPER TOWELS & HOLDERS": "paper towels",
    "BABY FOOD - BEGINNER": "baby food",
    "BABY FOOD JUNIOR ALL BRANDS": "baby food",
    "POTATOES RUSSET (BULK&BAG)": "potatoes",
    "ONIONS SWEET (BULK&BAG)": "onions",
    "ISOTONIC DRINKS SINGLE SERVE": "sports drinks",
    "MACARONI & CHEESE DNRS": "macaroni and cheese",
    "SWEET GOODS - FULL SIZE": "pastries",
    "SW GDS:DONUTS": "donuts",
    "SALAD BAR FRESH FRUIT": "fresh fruit",
    "NON-CRBNTD DRNKING/MNERAL WATE": "mineral water",
    "SGL SV/VEND MACH SNACKS CHIP/P": "chips",
    "CANISTER POTATO/TORT CHIPS": "potato chips",
    "CANNED CAT FOOD (9 LIVES/FRISK": "cat food",
    "CHEESE CRACKERS (CHEEZ-ITS/GOL": "cheese crackers",
    "BUTTER SPRAY CRACKER (RITZ/CLU": "crackers",
    "SOUP CRACKERS (SALTINE/OYSTER)": "crackers",
    "MEAT: TURKEY BULK": "turkey",
    "MEAT:HAM BULK": "ham",
    "RAMEN NOODLES/RAMEN CUPS": "ramen noodles",
    "BEANS GREEN: FS/WHL/CUT": "green beans",
    "SANDWICHES&HANDHELDS": "frozen sandwiches",
    "VARIETY BEANS - KIDNEY PINTO": "beans",
    "CARDS EVERYDAY": "greeting cards",
    "WAFFLES/PANCAKES/FRENCH TOAST": "waffles",
    "CARROTS MINI PEELED": "carrots",
    "MEXICAN SAUCESSALSAPICANTEE": "salsa",
    "TOMATOES: STEWED/DICED/CRMD": "tomatoes",
    "FRZN BREADED PREPARED CHICK": "breaded chicken",
    "CATSUP": "ketchup",
    "DOG & CAT TOYS": "pet toys",
    "SELECT BEEF": "beef",
    "REGULAR GARDEN": "salad",
    "STICKS/ENROBED": "ice cream bars",
    "SNACKS/APPETIZERS": "frozen snacks",
    "SPICES & SEASONINGS": "spices",
    "GARBAGE KITCHEN COMPACTOR BA": "garbage bags",
    "SFT DRNK 6PK": "soft drinks",
}
"""By product type: the commonest whose till text says little to a person."""

_BY_CATEGORY = {
    "FROZEN PIZZA": "frozen snacks", "DINNER SAUSAGE": "sausages", "SALAD MIX": "salad", "HOT DOGS": "hot dogs",
    "ICE CREAM/MILK/SHERBTS": "ice cream", "DELI MEATS": "deli meat", "HEAT/SERVE": "ready meals",
    "MEAT - MISC": "frozen chicken", "PREPARED FOOD": "prepared food", "FITNESS&DIET": "cereal bars",
    "FD WRAPS/BAGS/TRSH BG": "garbage bags", "BEEF": "beef", "PORK": "pork", "CHICKEN/POULTRY": "rotisserie chicken",
    "AIR CARE": "air fresheners", "BACON": "bacon", "BREAKFAST SAUSAGE/SANDWICHES": "breakfast sausages",
    "HOUSEHOLD CLEANG NEEDS": "cleaning tools", "PET CARE SUPPLIES": "pet toys", "SNACKS": "snacks", "CHICKEN": "chicken",
    "LUNCHMEAT": "lunchmeat", "PASTA SAUCE": "pasta sauce", "SPICES & EXTRACTS": "spices", "TURKEY": "turkey", "CHEESE": "cheese",
}  # fmt: skip
"""What the category calls a product whose type is vague."""

_VAGUE = {
    "angus", "better", "blends", "breast", "breasts", "chix", "economy", "enhanced", "entrees", "fitness", "fresh",
    "garbage", "garden", "grnd", "kits", "links", "mainstream", "meat", "misc", "miscellaneous", "natural", "patties",
    "pre-cooked", "premium", "prep", "regular", "ribs", "smoked", "solid", "super", "tools", "traditional", "tray", "value",
    "wings", "air",
}  # fmt: skip
"""First words of types that mean nothing without their category."""

_PRIVATE = re.compile(
    r"CIGAR|TOBAC|CIG |LIQUOR|BEER|WINE|ANALGES|ANTACID|ANTI-ACID|LAXATIV|COLD AND FLU|COUGH|\bFEM|HYG|DIET|NUTRITION|VITAMIN|"
    r"PHARM|\bRX\b|MEDIC|CONTRACEP|CONDOM|PREGNAN|FAMILY PLANNING|INCONT|STIMULANT|FIRST AID|HOSIERY|DIABET|\bEYE|\bFOOT|\bLICE\b|SLEEP"
)
"""Health, tobacco, alcohol: nothing that a message from the shop should bring up."""

_WORDS = {
    "frzn": "frozen", "sft": "soft", "drnk": "drink", "drnks": "drinks", "drnking": "drinking", "dnrs": "dinners",
    "ss": "", "btl": "", "brkfst": "breakfast", "pnt": "peanut", "btr": "butter", "refrgratd": "chilled", "sald": "salad",
    "drsng": "dressing", "sndwch": "sandwich", "sprd": "spread", "sgl": "", "sv": "", "whl": "whole", "sw": "sweet",
    "gds": "goods", "pwdr": "powder", "crystl": "", "mx": "mix", "mxs": "mixes", "veg": "vegetables", "dsh": "dishes",
    "bkd": "baked", "fd": "food", "exct": "", "wt": "", "asst": "", "bulk": "", "sherbts": "sherbet", "bn": "beans",
    "flvrd": "flavored", "whlsm": "wholesome", "splys": "supplies", "sply": "supplies", "choc": "chocolate", "reg": "",
}  # fmt: skip
_NOT_GOODS = {
    None,
    "COUPON/MISC ITEMS",
    "UNKNOWN",
    "NO COMMODITY DESCRIPTION",
    "(CORP USE ONLY)",
    "NO SUBCOMMODITY DESCRIPTION",
}


def readable_name(product_type: str | None, category: str | None) -> str | None:
    """Lower-case words for a message; None when the till does not say what it is, or it is nobody's business."""
    if _PRIVATE.search(f"{product_type} {category}"):
        return None
    if product_type in _FREQUENT:
        return _FREQUENT[product_type]
    if category in _NOT_GOODS or product_type is None or product_type in _NOT_GOODS:
        return None
    text = _plain_words(product_type)
    if text.partition(" ")[0] in _VAGUE:
        return _BY_CATEGORY.get(category or "")
    return text if len(text) > 2 else None


def _plain_words(product_type: str) -> str:
    main = re.split(r"[(:/&]| - ", product_type.lower(), maxsplit=1)[0]
    words = [_WORDS.get(word, word) for word in re.findall(r"[a-z0-9%'-]+", main)]
    return " ".join(word for word in words if word)
