using System.Text;
using Fuzz.Oracles;

namespace Fuzz.Inputs;

/// <summary>Makes hostile inputs from valid ones.</summary>
internal sealed class Mutator(Random chance)
{
    /// <summary>No input grows beyond this by mutation, so that a million of them take only minutes.</summary>
    private const int LargestInput = 96 * 1024;

    public Random Chance => chance;

    public bool OneIn(int n) => chance.Next(n) == 0;

    public T Pick<T>(IReadOnlyList<T> among) => among[chance.Next(among.Count)];

    /// <summary>A valid input, one in ten unchanged, otherwise after one to four mutations of its bytes.</summary>
    public byte[] Damage(IReadOnlyList<byte[]> sound)
    {
        var input = new List<byte>(Pick(sound));
        for (var n = OneIn(10) ? 0 : chance.Next(1, 5); n > 0; n--)
            Mutate(input, sound);
        return [.. input];
    }

    /// <summary>The same for text, so that the characters stay characters, mostly.</summary>
    public string DamageText(IReadOnlyList<string> sound)
    {
        var text = new StringBuilder(Pick(sound));
        for (var n = OneIn(10) ? 0 : chance.Next(1, 4); n > 0; n--)
        {
            var at = chance.Next(text.Length + 1);
            switch (chance.Next(6))
            {
                case 0:
                    text.Insert(at, Pick(Morsels.Texts));
                    break;
                case 1:
                    text.Insert(at, Pick(Morsels.Syntax));
                    break;
                case 2 when at < text.Length:
                    text[at] = (char)chance.Next(OneIn(2) ? 0x250 : 0x10000);
                    break;
                case 3:
                    text.Remove(at, Math.Min(chance.Next(1, 6), text.Length - at));
                    break;
                case 4:
                    text.Append(Pick(sound));
                    break;
                default:
                    text.Insert(at, new Rune(RandomScalar()).ToString());
                    break;
            }
        }
        return text.ToString();
    }

    /// <summary>A valid JSON text, mutated as a tree; one time in four, its bytes too.</summary>
    public byte[] DamageJson(IReadOnlyList<byte[]> sound)
    {
        var root = Json.Parse(Pick(sound), JsonRules.Strict) ?? throw new InvalidOperationException("A sound JSON text is not JSON.");
        for (var n = OneIn(10) ? 0 : chance.Next(1, 4); n > 0; n--)
            MutateTree(root, sound);
        var written = Encoding.UTF8.GetBytes(root.Write(isSpaced: OneIn(8)));
        return OneIn(4) ? Damage([written]) : written;
    }

    private void Mutate(List<byte> input, IReadOnlyList<byte[]> sound)
    {
        var at = chance.Next(input.Count + 1);
        switch (chance.Next(12))
        {
            case 0 when at < input.Count:
                input[at] ^= (byte)(1 << chance.Next(8));
                break;
            case 1 when at < input.Count:
                input[at] = (byte)chance.Next(256);
                break;
            case 2:
                input.RemoveRange(at, input.Count - at);
                break;
            case 3:
                input.RemoveRange(at, Math.Min(chance.Next(1, 9), input.Count - at));
                break;
            case 4:
                input.InsertRange(at, input.GetRange(at, Math.Min(chance.Next(1, 200), input.Count - at)));
                break;
            case 5 when at < input.Count:
                PercentEncode(input, at);
                break;
            case 6:
                Splice(input, at, Pick(sound));
                break;
            case 7:
                ReplaceNumber(input, at);
                break;
            case 8 when at < input.Count:
                (input[at], input[^1]) = (input[^1], input[at]);
                break;
            case 9 when OneIn(20):
                Repeat(input, at);
                break;
            case 10 when at < input.Count && char.IsAsciiLetter((char)input[at]):
                input[at] ^= 0x20;
                break;
            default:
                input.InsertRange(at, Pick(Morsels.All));
                break;
        }
        if (input.Count > LargestInput)
            input.RemoveRange(LargestInput, input.Count - LargestInput);
    }

    private void PercentEncode(List<byte> input, int at)
    {
        var hex = Encoding.ASCII.GetBytes(OneIn(2) ? $"%{input[at]:x2}" : $"%{input[at]:X2}");
        input.RemoveAt(at);
        input.InsertRange(at, hex);
    }

    private void Splice(List<byte> input, int at, byte[] other)
    {
        var from = chance.Next(other.Length + 1);
        input.RemoveRange(at, input.Count - at);
        input.AddRange(other.AsSpan(from));
    }

    private void ReplaceNumber(List<byte> input, int at)
    {
        var start = input.FindIndex(at, b => char.IsAsciiDigit((char)b));
        if (start < 0)
            return;
        var end = start;
        while (end < input.Count && char.IsAsciiDigit((char)input[end]))
            end++;
        input.RemoveRange(start, end - start);
        input.InsertRange(start, Encoding.UTF8.GetBytes(Pick(Morsels.Numbers)));
    }

    private void Repeat(List<byte> input, int at)
    {
        var piece = OneIn(2) ? Pick(Morsels.All) : [.. input.GetRange(at, Math.Min(chance.Next(1, 40), input.Count - at))];
        for (var size = chance.Next(1, LargestInput); size > 0 && piece.Length > 0; size -= piece.Length)
            input.InsertRange(at, piece);
    }

    private void MutateTree(Json root, IReadOnlyList<byte[]> sound)
    {
        var nodes = root.Everything();
        var node = Pick(nodes);
        switch (chance.Next(9))
        {
            case 0:
                node.Become(Json.OfText(DamageText([node.Text.Length > 0 ? node.Text : "x"])));
                break;
            case 1:
                node.Become(Json.OfNumber(Pick(Morsels.Numbers)));
                break;
            case 2:
                node.Become(Json.OfWord(Pick(["null", "true", "false"])));
                break;
            case 3 when node.Members.Count > 0:
                // The member twice: equal, or with another value.
                var member = Pick(node.Members);
                node.Members.Insert(chance.Next(node.Members.Count + 1), (member.Name, OneIn(2) ? member.Value : Json.OfText("other")));
                break;
            case 4 when node.Members.Count > 0:
                node.Members.RemoveAt(chance.Next(node.Members.Count));
                break;
            case 5 when node.Members.Count > 0:
                var renamed = chance.Next(node.Members.Count);
                node.Members[renamed] = (DamageText([node.Members[renamed].Name]), node.Members[renamed].Value);
                break;
            case 6:
                var deep = Json.OfText("deep");
                for (var depth = chance.Next(1, OneIn(10) ? 3000 : 20); depth > 0; depth--)
                    deep = OneIn(2) ? Json.OfItems(deep) : Json.OfMembers(("a", deep));
                node.Become(deep);
                break;
            case 7 when node.Items.Count > 0 && nodes.Count < 2000:
                var item = Pick(node.Items);
                for (var n = OneIn(20) ? 200 : 1; n > 0; n--)
                    node.Items.Add(item);
                break;
            default:
                // A piece of another valid text here or beside it. A copy, so that no tree contains itself.
                var other = Json.Parse(Pick(sound), JsonRules.Strict)!.Everything();
                node.Become(Pick(other));
                break;
        }
    }

    private int RandomScalar()
    {
        var scalar = chance.Next(OneIn(3) ? 0x110000 : 0x3000);
        return scalar is >= 0xd800 and <= 0xdfff ? 0xfffd : scalar;
    }
}
