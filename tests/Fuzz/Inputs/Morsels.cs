using System.Text;

namespace Fuzz.Inputs;

/// <summary>Texts and bytes that are known to upset parsers.</summary>
internal static class Morsels
{
    /// <summary>Numbers at and beyond the limits of every type.</summary>
    public static readonly string[] Numbers =
    [
        "0", "-0", "-1", "1", "00", "01", "1.0", "1e1", "1e308", "1e309", "1e999999999", "-1e999", "0.1e-400", "2147483647", "2147483648", "-2147483649",
        "4294967296", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "253402300799",
        "253402300800", "1" + new string('0', 400), "0x10", "NaN", "Infinity", "+1", ".5", "5.", "1_000", "１２",
    ];

    /// <summary>Odd text: controls, bidirectional marks, noncharacters, combining marks, look-alikes of ASCII.</summary>
    public static readonly string[] Texts =
    [
        "\0", "\u0001", "\u007f", "\u0085", "\u200b", "\u202e", "\ufeff", "\ufffe", "\uffff", "\U0010ffff", "\u0301", "e\u0301", "é", "ﬁ", "Ａ", "ａ", "а", "ı", "İ", "ſ",
        "K", "ß", "ẞ", "ς", "ǅ", "ﷺ", "😀", "👩‍👩‍👧", "\u2028", "\u3000", "＠", "＆", "％", "․", "。", "／", "\ud7ff", "\ue000", "\r\n", "\t", " ", "  ",
    ];

    /// <summary>Pieces of the grammars.</summary>
    public static readonly string[] Syntax =
    [
        "\"", "\\", "\\u", "\\u0000", "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\ud800\\ud800", "{", "}", "[", "]", ",", ":", "null", "true", "false", "[[[[[[[[[[[[[[[[[[[[",
        "=", "&", "&&", "+", "%", "%0", "%00", "%zz", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "%2525", "%u0041", "%e2%82", ";", "?", "#", "/", "//", "/../", "/./", "\\..\\",
        ".", "..", "...", "=", "==", "-", "_", "~", "Basic ", "Bearer ", "basic", ",", "'", "' OR 1=1 --", "$(id)", "${x}", "<script>", "*", "W/\"", "none", "HS256", "crit", "\"crit\":[],",
    ];

    /// <summary>Invalid UTF-8: a lone continuation, overlong forms, a surrogate, past U+10FFFF, cut short.</summary>
    public static readonly byte[][] Broken =
    [
        [0x80], [0xff], [0xfe], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80],
        [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xef, 0xbb, 0xbf],
    ];

    public static readonly byte[][] All = [.. Numbers.Concat(Texts).Concat(Syntax).Select(Encoding.UTF8.GetBytes), .. Broken];
}
