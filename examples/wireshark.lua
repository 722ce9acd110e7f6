-- Spinel: a header, a command, and mostly a property with its value (docs/protocol.md §1 and §2).

local spinel = Proto("spinel", "Spinel")

local f = {
    iid = ProtoField.uint8("spinel.iid", "Interface id (IID)", base.DEC, nil, 0x30),
    tid = ProtoField.uint8("spinel.tid", "Transaction id (TID)", base.DEC, nil, 0x0F),
    command = ProtoField.uint32("spinel.command", "Command", base.DEC, COMMANDS),
    property = ProtoField.uint32("spinel.property", "Property", base.DEC, PROPERTIES),
    status = ProtoField.uint32("spinel.status", "Status", base.DEC, STATUSES),
    capability = ProtoField.uint32("spinel.capability", "Capability", base.DEC, CAPABILITIES),
    boolean = ProtoField.bool("spinel.bool", "Boolean"),
    unsigned = ProtoField.uint64("spinel.uint", "Unsigned"),
    signed = ProtoField.int64("spinel.int", "Signed"),
    ipv6 = ProtoField.ipv6("spinel.ipv6", "IPv6 address"),
    eui64 = ProtoField.bytes("spinel.eui64", "EUI-64", base.COLON),
    eui48 = ProtoField.bytes("spinel.eui48", "EUI-48", base.COLON),
    text = ProtoField.string("spinel.text", "Text"),
    data = ProtoField.bytes("spinel.data", "Data"),
    value = ProtoField.bytes("spinel.value", "Value"),
}
spinel.fields = f

local e = {
    header = ProtoExpert.new("spinel.no_frame", "No Spinel frame: bits 7 and 6 must be 10", expert.group.MALFORMED,
        expert.severity.ERROR),
    short = ProtoExpert.new("spinel.short", "The value ends too soon", expert.group.MALFORMED, expert.severity.WARN),
}
spinel.experts = e

local direction = Field.new("frame.packet_flags_direction")

local LAST_STATUS, CAPS, STREAM_NET, STREAM_NET_INSECURE = 0, 5, 114, 115
local RESET_REASON = 112 -- the first of 16 statuses that tell why it was reset

-- The unsigned number in as many octets as it needs, and how many those are; nil: it has no end.
local function packed(buffer, at)
    local number, factor = 0, 1
    for length = 1, 5 do
        if at + length > buffer:len() then return nil end
        local octet = buffer(at + length - 1, 1):uint()
        number = number + (octet % 128) * factor
        if octet < 128 then return number, length end
        factor = factor * 128
    end
    return nil
end

-- Where the bracket that opens at `at` ends.
local function closing(signature, at)
    local depth = 0
    for place = at, #signature do
        local letter = signature:sub(place, place)
        if letter == "(" then depth = depth + 1 end
        if letter == ")" then
            depth = depth - 1
            if depth == 0 then return place end
        end
    end
    return #signature
end

local FIXED = {
    b = { 1, f.boolean }, C = { 1, f.unsigned }, c = { 1, f.signed }, S = { 2, f.unsigned }, s = { 2, f.signed },
    L = { 4, f.unsigned }, l = { 4, f.signed }, X = { 8, f.unsigned }, x = { 8, f.signed },
    ["6"] = { 16, f.ipv6 }, E = { 8, f.eui64 }, e = { 6, f.eui48 },
}

-- Adds what `signature` describes to the tree; gives back where it ends, or nil if the octets do before.
local function value(buffer, at, signature, tree, number)
    local place = 1
    while place <= #signature do
        local letter = signature:sub(place, place)
        local fixed = FIXED[letter]
        if fixed then
            if at + fixed[1] > buffer:len() then return nil end
            local octets = buffer(at, fixed[1])
            if fixed[2] == f.signed or fixed[2] == f.unsigned then
                tree:add_le(fixed[2], octets)
            else
                tree:add(fixed[2], octets)
            end
            at = at + fixed[1]
        elseif letter == "i" then
            local read, length = packed(buffer, at)
            if not read then return nil end
            tree:add(number or f.unsigned, buffer(at, length), number and read or UInt64(read))
            at = at + length
        elseif letter == "U" then
            local length = 0
            while at + length < buffer:len() and buffer(at + length, 1):uint() ~= 0 do length = length + 1 end
            if at + length >= buffer:len() then return nil end
            tree:add(f.text, buffer(at, length + 1), length > 0 and buffer(at, length):string() or "")
            at = at + length + 1
        elseif letter == "D" then
            if at < buffer:len() then tree:add(f.data, buffer(at)) end
            at = buffer:len()
        elseif letter == "d" then
            if at + 2 > buffer:len() then return nil end
            local length = buffer(at, 2):le_uint()
            if at + 2 + length > buffer:len() then return nil end
            if length > 0 then tree:add(f.data, buffer(at + 2, length)) end
            at = at + 2 + length
        elseif letter == "t" or letter == "A" then
            local last = closing(signature, place + 1)
            local inner = signature:sub(place + 2, last - 1)
            place = last
            if letter == "t" then
                if at + 2 > buffer:len() then return nil end
                local length = buffer(at, 2):le_uint()
                if at + 2 + length > buffer:len() then return nil end
                local branch = tree:add(spinel, buffer(at, 2 + length), "Structure")
                if length > 0 and not value(buffer(at + 2, length):tvb(), 0, inner, branch, number) then return nil end
                at = at + 2 + length
            else
                while at < buffer:len() do
                    at = value(buffer, at, inner, tree, number)
                    if not at then return nil end
                end
            end
        end
        place = place + 1
    end
    return at
end

function spinel.dissector(buffer, pinfo, tree)
    pinfo.cols.protocol = "Spinel"
    local way = direction()
    local arrow = way and (way.value == 2 and "-> " or "<- ") or ""
    local branch = tree:add(spinel, buffer())
    if buffer:len() < 2 or buffer(0, 1):uint() < 128 or buffer(0, 1):uint() > 191 then
        pinfo.cols.info = arrow .. "no Spinel frame"
        branch:add_proto_expert_info(e.header)
        return
    end
    branch:add(f.iid, buffer(0, 1))
    branch:add(f.tid, buffer(0, 1))
    local command, at = packed(buffer, 1)
    if not command then return branch:add_proto_expert_info(e.short) end
    branch:add(f.command, buffer(1, at), command)
    local info = arrow .. (COMMANDS[command] or ("command " .. command))
    at = at + 1
    local has_property = command >= 2 and command <= 8
    if has_property then
        local property, length = packed(buffer, at)
        if not property then return branch:add_proto_expert_info(e.short) end
        branch:add(f.property, buffer(at, length), property)
        info = info .. " " .. (PROPERTIES[property] or ("property " .. property))
        at = at + length
        local signature = SIGNATURES[property] or "D"
        local one_item = command == 4 or command == 5 or command == 7 or command == 8
        if one_item and signature:match("^A%b()$") then signature = signature:sub(3, -2) end
        if at < buffer:len() then
            local octets = buffer(at)
            local inside = branch:add(f.value, octets)
            local number = property == LAST_STATUS and f.status or property == CAPS and f.capability or nil
            if property == LAST_STATUS then
                local status = packed(buffer, at)
                info = info .. " = " .. (STATUSES[status or -1] or tostring(status))
                if status and status >= RESET_REASON and status < RESET_REASON + 16 then info = info .. " (it was reset)" end
            end
            if not value(buffer, at, signature, inside, number) then inside:add_proto_expert_info(e.short) end
            local is_packet = property == STREAM_NET or property == STREAM_NET_INSECURE
            if is_packet and octets:len() > 2 and octets(0, 2):le_uint() + 2 <= octets:len() then
                Dissector.get("ipv6"):call(octets(2, octets(0, 2):le_uint()):tvb(), pinfo, tree)
                pinfo.cols.protocol = "Spinel"
            end
        end
    elseif at < buffer:len() then
        branch:add(f.value, buffer(at))
    end
    pinfo.cols.info = info
end

-- The link type of what spinel-bridge --tap writes.
DissectorTable.get("wtap_encap"):add(wtap.USER0, spinel)
