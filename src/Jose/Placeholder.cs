namespace Jose; internal static class Placeholder;
